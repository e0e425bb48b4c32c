// Packages by their names: who owns them and which versions their tags name.
function (doc) {
  if (doc._id.indexOf('@') < 0 && isArray(doc.owners)) {
    emit(doc._id, {owners: doc.owners, 'dist-tags': doc['dist-tags'] || {}});
  }
}
