// The clinic in Express, with method-override as its README shows it.
const express = require('express')
const override = require('method-override')

const app = express()
app.use(override('X-HTTP-Method-Override'))
app.use(override('_method'))
const secret = (request, response) => response.set('X-Resource', 'secret').send('secret')
app.get('/results/:number', secret)
app.get('/results', secret)
app.get('/admin/*rest', secret)
app.post('/orders', (request, response) => response.set('X-Resource', 'written').send('written'))
app.delete('/results/:number', (request, response) => response.set('X-Resource', 'deleted').send('deleted'))
app.listen(Number(process.argv[2]), '127.0.0.1')
