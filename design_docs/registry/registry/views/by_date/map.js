// Versions by the moment in which they were published, as [year, month, day, moment].
function (doc) {
  var found = doc._id.indexOf('@') > 0 && doc.couchreg && /^(\d{4})-(\d\d)-(\d\d)/.exec(doc.couchreg.published);
  if (found) {
    emit([Number(found[1]), Number(found[2]), Number(found[3]), doc.couchreg.published], null);
  }
}
