// Changes of some packages: ?package=gdp, or patterns with commas between them, in which * is any text.
function (doc, req) {
  var name = doc._id.split('@')[0];
  var patterns = String((req.query && req.query['package']) || '*').split(',');

  // Without regular expressions, which are a stranger's here: each piece between two * is looked for in turn.
  function fits(pattern) {
    var pieces = pattern.split('*'), at = 0;
    if (pieces.length === 1) { return name === pattern; }
    for (var i = 0; i < pieces.length; i++) {
      var piece = pieces[i];
      if (i === 0) {
        if (name.slice(0, piece.length) !== piece) { return false; }
        at = piece.length;
      } else if (i === pieces.length - 1) {
        return name.length - at >= piece.length && name.slice(name.length - piece.length) === piece;
      } else {
        at = name.indexOf(piece, at);
        if (at < 0) { return false; }
        at += piece.length;
      }
    }
    return true;
  }

  return doc._id.charAt(0) !== '_' && patterns.some(fits);
}
