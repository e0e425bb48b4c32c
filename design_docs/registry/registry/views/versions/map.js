// Versions by package; with a reduce function, to count them.
function (doc) {
  var at = doc._id.indexOf('@');
  if (at > 0 && doc.couchreg) {
    emit([doc._id.slice(0, at), doc._id.slice(at + 1)], {title: doc.title || null, published: doc.couchreg.published || null});
  }
}
