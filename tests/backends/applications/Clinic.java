// The clinic on com.sun.net.httpserver, whose contexts are prefixes: whatever the method.
import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;

public class Clinic {
    static void serve(HttpServer server, String path, String resource) {
        server.createContext(path, exchange -> {
            exchange.getRequestBody().readAllBytes();
            String below = exchange.getRequestURI().getPath().substring(path.length());
            boolean there = path.endsWith("/") || below.isEmpty() || below.startsWith("/");
            String found = there ? resource : "nothing";
            exchange.getResponseHeaders().set("X-Resource", found);
            byte[] body = found.getBytes();
            boolean head = exchange.getRequestMethod().equals("HEAD");
            exchange.sendResponseHeaders(found.equals("nothing") ? 404 : 200, head ? -1 : body.length);
            if (!head) exchange.getResponseBody().write(body);
            exchange.close();
        });
    }

    public static void main(String[] arguments) throws Exception {
        var server = HttpServer.create(new InetSocketAddress("127.0.0.1", Integer.parseInt(arguments[0])), 0);
        serve(server, "/results", "secret");
        serve(server, "/admin/", "secret");
        serve(server, "/orders", "written");
        serve(server, "/", "nothing");
        server.start();
    }
}
