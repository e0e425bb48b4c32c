// Who may write what into _users. The server checks the same before it comes to this; here the rules go
// along wherever the database is replicated to.
function (newDoc, oldDoc, userCtx, secObj) {
  var PREFIX = 'org.couchdb.user:';
  var SCHEMES = ['simple', 'pbkdf2', 'bcrypt'];

  function demand(condition, reason) {
    if (!condition) {
      throw {forbidden: reason};
    }
  }

  function among(list, value) {
    return !!list && list.indexOf(value) !== -1;
  }

  function administers() {
    var admins = (secObj && secObj.admins) || {};
    return among(userCtx.roles, '_admin') || among(admins.names, userCtx.name) ||
      userCtx.roles.some(function (role) { return among(admins.roles, role); });
  }

  function sorted(roles) {
    return JSON.stringify((roles || []).slice().sort());
  }

  if (newDoc._deleted === true) {
    demand(administers() || (oldDoc && oldDoc.name === userCtx.name),
      'Only admins may delete other user docs.');
    return;
  }

  demand(newDoc.type === 'user', 'doc.type must be user');
  demand(newDoc.name, 'doc.name is required');
  demand(newDoc.roles, 'doc.roles must exist');
  demand(isArray(newDoc.roles), 'doc.roles must be an array');
  demand(newDoc.roles.every(function (role) { return typeof role === 'string'; }),
    'doc.roles can only contain strings');
  demand(newDoc._id === PREFIX + newDoc.name, 'Doc ID must be of the form org.couchdb.user:name');
  demand(!oldDoc || oldDoc._deleted || oldDoc.name === newDoc.name, 'Usernames can not be changed.');

  demand(!newDoc.password_sha || newDoc.salt, 'Users with password_sha must have a salt.');
  demand(!newDoc.password_scheme || among(SCHEMES, newDoc.password_scheme),
    'Password scheme `' + newDoc.password_scheme + '` not supported.');
  if (newDoc.password_scheme === 'pbkdf2') {
    demand(typeof newDoc.iterations === 'number', 'iterations must be a number.');
    demand(typeof newDoc.derived_key === 'string', 'derived_key must be a string.');
  }

  if (!administers()) {
    if (oldDoc && !oldDoc._deleted) {
      demand(userCtx.name === newDoc.name, 'You may only update your own user document.');
      demand(sorted(oldDoc.roles) === sorted(newDoc.roles), 'Only _admin may edit roles');
    } else {
      demand(newDoc.roles.length === 0, 'Only _admin may set roles');
    }
  }

  demand(!newDoc.roles.some(function (role) { return role[0] === '_'; }),
    'No system roles (starting with underscore) in users db.');
  demand(newDoc.name[0] !== '_', 'Username may not start with underscore.');
  demand(newDoc.name.indexOf(':') === -1, 'Character `:` is not allowed in usernames.');
}
