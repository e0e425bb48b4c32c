// Versions by their JSON-LD types.
function (doc) {
  var types = doc['@type'];
  if (doc._id.indexOf('@') > 0 && types) {
    (isArray(types) ? types : [types]).forEach(function (type) {
      if (typeof type === 'string') { emit(type, null); }
    });
  }
}
