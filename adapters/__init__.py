"""Pure translation and format knowledge: messages, documents and the adapters between them."""
