// Clients of sockets.js: they wait for all readings and write a note after each. What happened to each is printed as one
// line of JSON: {readings, notes, errors, transport}. Arguments: a port, clients, readings, transports ("polling").
const { io } = require('socket.io-client')

const [port, clients, readings] = process.argv.slice(2, 5).map(Number)
const transports = process.argv[5].split(',')
const PATIENCE = 30000

function client () {
  return new Promise((resolve) => {
    const found = { readings: [], notes: [], errors: [], transport: '' }
    const socket = io(`http://127.0.0.1:${port}`, { transports, reconnection: false, forceNew: true })
    const overdue = setTimeout(() => { found.errors.push('overdue'); end() }, PATIENCE)
    const end = () => {
      clearTimeout(overdue)
      found.transport = socket.io.engine ? socket.io.engine.transport.name : ''
      socket.off('disconnect')
      socket.disconnect()
      resolve(found)
    }
    const perhaps = () => {
      if (found.readings.length >= readings && found.notes.length >= readings) end()
    }
    socket.on('connect_error', (error) => { found.errors.push(`connect: ${error.message}`); end() })
    socket.on('disconnect', (reason) => { found.errors.push(`disconnect: ${reason}`); end() })
    socket.on('reading', (number) => {
      found.readings.push(number)
      socket.emit('note', `note ${number}`, (text) => { found.notes.push(text); perhaps() })
      perhaps()
    })
  })
}

Promise.all(Array.from({ length: clients }, client)).then((all) => {
  for (const one of all) console.log(JSON.stringify(one))
  process.exit(0)
})
