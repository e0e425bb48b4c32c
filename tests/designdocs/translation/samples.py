"""Functions as people write them, and documents for them."""

# ruff: noqa: E501

from typing import Final

MAPS: Final = (
    "function(doc) { emit(doc._id, null); }",
    "function (doc) {\n  if (doc.type === 'post') {\n    emit(doc.created_at, doc);\n  }\n}",
    "function(doc){ if (doc.bucket !== undefined) { emit(doc.bucket, doc.score); for (var i = 0; i < doc.keywords.length;"
    " i++) emit(['k', doc.keywords[i]], 1); } }",
    "function(doc) { if (doc.tags) { doc.tags.forEach(function(tag) { emit(tag, 1); }); } }",
    "(doc) => { if (doc.tags && doc.tags.length > 0) { for (const tag of doc.tags) { emit([tag, doc.type], null) } } }",
    "doc => emit(doc.type, doc.count)",
    "function map(doc) { for (var key in doc) { if (key.charAt(0) !== '_') emit(key, doc[key]); } }",
    "function(doc) { var total = 0; for (var i in doc.items) { total += doc.items[i].price * doc.items[i].count; }"
    " emit(doc._id, total); }",
    "function(doc) { if (doc.a && doc.a.b && doc.a.b.c != null) emit([doc.a.b.c, doc.type || 'none'], {n: doc.count}); }",
    "function(doc) { if (typeof doc.name == 'string') { emit(doc.name.toLowerCase(), doc.name.length); } }",
    "function(doc) { if (!Array.isArray(doc.tags)) return; emit(doc.tags.length, doc.tags.join(',')); }",
    "function(doc) { var words = (doc.name || '').split(' '); for (var i = 0, n = words.length; i < n; ++i) {"
    " if (words[i] === '') continue; if (i > 3) break; emit(words[i], i); } }",
    "function(doc) { var seen = {}, list = []; (doc.tags || []).forEach(function(tag) { if (!seen[tag]) { seen[tag] = 1;"
    " list.push(tag); } }); emit(list, seen); }",
    "function(doc) { let n = doc.count; while (n > 0) { n -= 1; if (n % 2 == 0) { emit(n, -n) } } }",
    "function(doc) { emit(doc.type == 'post' ? 0 : doc.type == null ? 1 : 2, [doc.count, doc.missing, true, undefined]) }",
    "function(doc) { if ('tags' in doc && doc.hasOwnProperty('name')) emit([doc.name.slice(0, 3), Object.keys(doc.a)]); }",
    "function(doc) { function key(x) { if (!x) { return ['none']; } return [x, x.length]; } emit(key(doc.name), key()); }",
    "function(doc) { \"use strict\"; var i; for (i = 0; i < doc.items.length; i++) { var item = doc.items[i];"
    " if (item.price >= 2 && item.price <= 10 || item.free) { emit(item.price, item) } } emit(i, 'items') }",
    "function(doc) { emit(doc.date.substring(0, 4) + '-' + doc.type, doc.score + 1) }",
    "function(doc) { emit(doc.date.split('-').map(function(x) { return x }), doc.score / 2) }",
    "function(doc) { if (doc.tags.some(function(t) { return t === 'b' }) && doc.tags.indexOf('a') >= 0) emit(1) }",
    "function(doc) { emit(doc.tags.filter(function(t, i) { return i > 0 }), doc.tags.includes('a')); }",
    "function(doc) { emit() }",
    "function(doc) { if (doc.type !== 'post') { return } emit(doc.name.trim().toUpperCase(), 1); };",
    "function(doc) { emit(doc['type'], doc.items[0]['price']); emit(doc.items[doc.items.length - 1].price, null) }",
    "function(doc) { for (var i = 0; i < doc.items.length; i++) for (var j = 0; j < doc.tags.length; j++) {"
    " emit([doc.items[i].price, doc.tags[j]], i * j) } }",
    "function(doc) { if (doc._attachments) { for (var name in doc._attachments) { emit(name,"
    " doc._attachments[name].content_type) } } }",
)  # fmt: skip

RULES: Final = (
    """function(newDoc, oldDoc, userCtx, secObj) {
      if (newDoc._deleted === true) {
        if (userCtx.roles.indexOf('_admin') === -1) { throw({forbidden: 'Only admins may delete.'}); }
        return;
      }
      if (!userCtx.name) { throw({unauthorized: 'Log in first.'}); }
      if (oldDoc && oldDoc.owner !== userCtx.name) { throw({forbidden: 'It is of ' + oldDoc.owner}); }
    }""",
    """function(newDoc, oldDoc, userCtx) {
      function require(field, message) {
        message = message || "Document must have a " + field;
        if (!newDoc[field]) throw({forbidden : message});
      }
      function unchanged(field) {
        if (oldDoc && newDoc[field] !== oldDoc[field]) throw({forbidden: "Field can't be changed: " + field});
      }
      if (newDoc.type == "post") { require("name"); require("tags", "no tags"); unchanged("name") }
    }""",
    """(newDoc, oldDoc, userCtx, secObj) => {
      const isAdmin = userCtx.roles.indexOf("_admin") !== -1;
      const members = (secObj.members && secObj.members.roles) || [];
      if (!isAdmin && !members.some(role => userCtx.roles.includes(role))) throw {forbidden: "no member"};
      if (typeof newDoc.count !== "number" || newDoc.count < 0) throw {forbidden: "count"};
    }""",
    """function(newDoc, oldDoc) {
      if (!Array.isArray(newDoc.tags)) throw({forbidden: 'tags must be a list'});
      for (var i = 0; i < newDoc.tags.length; i++) {
        if (typeof newDoc.tags[i] !== 'string') { throw({forbidden: 'tag ' + i + ' is no text'}); }
      }
      if (newDoc._revisions.start > 3 && newDoc._id.indexOf("x") === 0) throw({forbidden: newDoc._rev});
    }""",
    "function() {}",
    "function(newDoc) { if (newDoc.bad) throw 'text'; if (newDoc.worse) throw {reason: 1}; }",
    "function(newDoc) { throw {forbidden: newDoc.name} }",
    "function(newDoc) { throw {unauthorized: newDoc.name, forbidden: 'first'} }",
)

DOCS: Final = (
    '{"_id":"a"}',
    '{"_id":"b","_rev":"1-x","type":"post","created_at":"2020-01-01","bucket":1,"score":1.5,"keywords":["x","y"],'
    '"tags":["a","b","a"],"name":"Ann of Green Gables","count":3,"items":[{"price":2,"count":3},{"price":0.1,"count":7,'
    '"free":true}],"a":{"b":{"c":0}},"date":"2020-02-03"}',
    '{"_id":"c","type":"post","created_at":1e21,"bucket":null,"score":1.0,"keywords":[],"tags":[],"name":"",'
    '"count":0,"items":[],"a":{},"date":""}',
    '{"_id":"d","type":null,"created_at":-0.0,"bucket":-0.0,"score":1e-7,"keywords":"text","tags":"ab","name":["x"],'
    '"count":"3","items":{"x":{"price":1,"count":2}},"a":null,"date":null}',
    '{"_id":"e","type":"post","created_at":{"10":1,"9":2,"b":3},"bucket":9007199254740993,"score":9007199254740992,'
    '"keywords":["\U0001f600","\uffff"],"tags":["\U0001f600",1,true,null,[],{}],"name":"\U0001f600x","count":5.5,'
    '"items":[{"price":"2","count":1},null],"a":{"b":{"c":{"2":1,"1":2}}},"date":"\u00fc-\u2028"}',
    '{"_id":"f","type":true,"bucket":"\\u0000\\u001f\\"\\\\","score":5e-324,"keywords":[1.0,2.5,1e16,123456789012345680000],'
    '"tags":[1,"1",1.0],"name":"x y  z","count":4,"items":[[1],[2]],"a":[1],"date":"a-b-c","length":7,"constructor":1,'
    '"__proto__":{"x":1},"hasOwnProperty":1}',
    '{"_id":"g","keywords":{"length":2,"0":"a"},"bucket":0,"tags":{"forEach":1},"name":7,"items":[{"price":1e300,'
    '"count":1e300}],"_attachments":{"x.txt":{"content_type":"text/plain","stub":true}}}',
)
