// An owner writes what they own and nothing else. The registry holds this by itself; here the rules go along
// wherever its data goes. Who owns a package stands in the document of its name; for documents of versions the
// server has to know it, and gives its users the role "owner:" with the name of each package.
function (newDoc, oldDoc, userCtx, secObj) {
  var NAME = /^[a-z0-9][a-z0-9._-]*$/, VERSION = /^[0-9A-Za-z][0-9A-Za-z.+_-]*$/, LONGEST = 150;

  function demand(condition, reason) {
    if (!condition) {
      throw {forbidden: reason};
    }
  }

  function among(list, value) {
    return isArray(list) && list.indexOf(value) !== -1;
  }

  function administers() {
    var admins = (secObj && secObj.admins) || {};
    return among(userCtx.roles, '_admin') || (!!userCtx.name && among(admins.names, userCtx.name)) ||
      userCtx.roles.some(function (role) { return among(admins.roles, role); });
  }

  if (administers()) {
    return;
  }
  if (!userCtx.name) {
    throw {unauthorized: 'Log in to publish packages.'};
  }

  var at = newDoc._id.indexOf('@');
  var name = at < 0 ? newDoc._id : newDoc._id.slice(0, at);
  demand(NAME.test(name) && name.length <= LONGEST, 'The id of a document is a package, or package@version.');

  var owned = among(userCtx.roles, 'owner:' + name);
  if (at < 0) {
    demand(!newDoc._deleted, 'A package stays its owners\', even without versions.');
    demand(!oldDoc || oldDoc._deleted || owned || among(oldDoc.owners, userCtx.name), 'You do not own ' + name + '.');
    demand(newDoc.name === name, 'doc.name must be ' + name + '.');
    demand(isArray(newDoc.owners) && newDoc.owners.length > 0 &&
      newDoc.owners.every(function (owner) { return typeof owner === 'string' && owner !== ''; }),
      'doc.owners must name at least one owner.');
    demand((oldDoc && !oldDoc._deleted) || among(newDoc.owners, userCtx.name), 'Who publishes a package first owns it.');
    return;
  }

  var version = newDoc._id.slice(at + 1);
  demand(VERSION.test(version) && version.length <= LONGEST, 'The id of a document is a package, or package@version.');
  demand(owned, 'You do not own ' + name + '.');
  if (newDoc._deleted) {
    return;
  }
  demand(newDoc.name === name && newDoc.version === version, 'doc.name and doc.version must be those of its id.');
  demand(!oldDoc || oldDoc._deleted, 'A version that is published does not change.');
}
