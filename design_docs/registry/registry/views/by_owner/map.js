// Packages by owner.
function (doc) {
  if (doc._id.indexOf('@') < 0 && isArray(doc.owners)) {
    doc.owners.forEach(function (owner) { emit(owner, null); });
  }
}
