"""JSON rows, multipart and headers as CouchDB writes and reads them, to the byte. Pure."""
