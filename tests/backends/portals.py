"""Two applications with a login page that nobody here wrote: Tomcat's examples, from Debian, and Django's
administration, from PyPI. Both keep their session in a cookie JSESSIONID for the whole host.

    with tomcat(folder) as port: ...            # /examples/jsp/security/protected/ asks for USER and PASSWORD
    with django_admin(folder) as port: ...      # /admin/ does
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.sax.saxutils import quoteattr

from tests.backends.packages import needs
from tests.backends.products import answering
from tests.backends.upstream import closed_port

USER, PASSWORD = "nurse", "a-password-of-the-clinic"
# What Tomcat's own web.xml says, which Debian has in the package that runs it as a service.
_SERVLETS = """
<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="6.0">
  <servlet>
    <servlet-name>default</servlet-name>
    <servlet-class>org.apache.catalina.servlets.DefaultServlet</servlet-class>
  </servlet>
  <servlet>
    <servlet-name>jsp</servlet-name>
    <servlet-class>org.apache.jasper.servlet.JspServlet</servlet-class>
  </servlet>
  <servlet-mapping><servlet-name>default</servlet-name><url-pattern>/</url-pattern></servlet-mapping>
  <servlet-mapping><servlet-name>jsp</servlet-name><url-pattern>*.jsp</url-pattern></servlet-mapping>
  <welcome-file-list><welcome-file>index.html</welcome-file><welcome-file>index.jsp</welcome-file></welcome-file-list>
</web-app>"""
_ROOT = Path(__file__).parents[2]


@contextmanager
def tomcat(folder: Path) -> Iterator[int]:
    """The port of a Tomcat with its examples below /examples, which redirects to whole URLs as Tomcat did for years."""
    examples = Path(needs("/usr/share/tomcat10-examples/examples/WEB-INF/web.xml")).parents[1]
    home, port = Path(needs("/usr/share/tomcat10/bin/bootstrap.jar")).parents[1], closed_port()
    contexts = folder / "conf" / "Catalina" / "localhost"
    for path in (contexts, folder / "logs", folder / "temp", folder / "work", folder / "webapps"):
        path.mkdir(parents=True)
    (folder / "conf" / "web.xml").write_text(_SERVLETS)
    (folder / "conf" / "users.xml").write_text(
        f'<tomcat-users><user username="{USER}" password="{PASSWORD}" roles="tomcat"/></tomcat-users>')
    (contexts / "examples.xml").write_text(f"""
<Context docBase={quoteattr(str(examples))} sessionCookiePath="/" useRelativeRedirects="false">
  <Resources allowLinking="true"/>
</Context>""")
    (folder / "conf" / "server.xml").write_text(f"""
<Server port="-1">
  <GlobalNamingResources>
    <Resource name="users" auth="Container" type="org.apache.catalina.UserDatabase" pathname="conf/users.xml"
              factory="org.apache.catalina.users.MemoryUserDatabaseFactory"/>
  </GlobalNamingResources>
  <Service name="Catalina">
    <Connector address="127.0.0.1" port="{port}"/>
    <Engine name="Catalina" defaultHost="localhost">
      <Realm className="org.apache.catalina.realm.UserDatabaseRealm" resourceName="users"/>
      <Host name="localhost" appBase="webapps"/>
    </Engine>
  </Service>
</Server>""")
    command = [str(home / "bin" / "catalina.sh"), "run"]
    with answering(folder, port, command, "/examples/", 200, CATALINA_HOME=str(home), CATALINA_BASE=str(folder)):
        yield port


@contextmanager
def django_admin(folder: Path) -> Iterator[int]:
    """The port of a Django that administers its users below /admin/."""
    port = closed_port()
    command = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--log-level", "error", "--chdir",
               str(_ROOT), "--worker-tmp-dir", str(folder), "tests.backends.applications.django_admin:app"]
    with answering(folder, port, command, "/admin/login/", 200, DJANGO_FOLDER=str(folder)):
        yield port
