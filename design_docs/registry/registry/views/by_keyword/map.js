// Versions by keyword, in lower case.
function (doc) {
  var seen = {};
  if (doc._id.indexOf('@') > 0 && isArray(doc.keywords)) {
    doc.keywords.forEach(function (keyword) {
      var word = typeof keyword === 'string' ? keyword.toLowerCase() : '';
      if (word && !Object.prototype.hasOwnProperty.call(seen, word)) {
        seen[word] = true;
        emit(word, null);
      }
    });
  }
}
