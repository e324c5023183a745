// The clinic in Node.js alone, by hand: whatever the method.
const http = require('http')

http.createServer((request, response) => {
  let path = ''
  try {
    path = decodeURIComponent(new URL(request.url, 'http://clinic.example').pathname)
  } catch {
    // no path at all
  }
  const resource = /^\/(results(\/[^/]+)?|admin\/.*)$/.test(path) ? 'secret'
    : path === '/orders' && request.method !== 'GET' ? 'written' : 'nothing'
  request.resume()
  response.writeHead(resource === 'nothing' ? 404 : 200, {'X-Resource': resource})
  response.end(resource)
}).listen(Number(process.argv[2]), '127.0.0.1')
