// Versions by who published them, and when.
function (doc) {
  if (doc._id.indexOf('@') > 0 && doc.couchreg && doc.couchreg.publisher) {
    emit([doc.couchreg.publisher, doc.couchreg.published || null], null);
  }
}
