// A ward's monitor on socket.io: each client that connects gets so many readings, one after the other, and each of its
// own messages is acknowledged with what it said. Arguments: a port, the readings of a client.
const http = require('http')
const { Server } = require('socket.io')

const [port, readings] = process.argv.slice(2).map(Number)
const server = http.createServer((request, response) => {
  response.end('ready') // what is not socket.io's
})
new Server(server).on('connection', (socket) => {
  socket.on('note', (text, acknowledge) => acknowledge(text))
  let sent = 0
  const timer = setInterval(() => {
    if (sent === readings) clearInterval(timer)
    else socket.emit('reading', sent++)
  }, 20)
  socket.on('disconnect', () => clearInterval(timer))
})
server.listen(port, '127.0.0.1')
