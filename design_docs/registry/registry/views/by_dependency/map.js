// Versions by the packages they depend on, with the range they ask for.
function (doc) {
  var needed = doc.dataDependencies;
  if (doc._id.indexOf('@') > 0 && needed && typeof needed === 'object' && !isArray(needed)) {
    Object.keys(needed).forEach(function (name) { emit(name, needed[name]); });
  }
}
