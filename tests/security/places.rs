//! Places for the number of an object, found in the description that the daemon serves: a route that
//! is described is covered.

use std::collections::BTreeSet;

use reqwest::Method;
use scribed_tests::client::send;
use scribed_tests::{Answer, Client};
use serde_json::{Map, Value, json};

use crate::quoted;

/// A route with a place for the number of an object.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    method: Method,
    /// Its path as it is described.
    pub(crate) path: String,
    /// Other parameters of the query, which are in order.
    query: Vec<(String, String)>,
    /// Other members of the body, which are in order; none without a body.
    body: Option<Map<String, Value>>,
    id: Id,
    /// The parameter of the query that holds the token, where that is no header.
    credential: Option<String>,
    /// The statuses that the description knows.
    pub(crate) documented: BTreeSet<u16>,
}

/// Where the number stands, and what it is called there.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Id {
    Path(String),
    Query(String),
    Body(String),
}

impl Place {
    /// Puts something in the place of the number.
    #[track_caller]
    pub(crate) fn ask(&self, client: &Client, id: &str) -> Answer {
        let (mut path, mut query, mut body) =
            (self.path.clone(), self.query.clone(), self.body.clone());
        query.extend(self.credential.iter().map(|name| (name.clone(), client.token().to_owned())));
        match &self.id {
            Id::Path(name) => path = path.replace(&format!("{{{name}}}"), &quoted(id)),
            Id::Query(name) => query.push((name.clone(), id.to_owned())),
            Id::Body(name) => {
                let number = id.parse::<i64>().map_or_else(|_| json!(id), |number| json!(number));
                body.get_or_insert_default().insert(name.clone(), number);
            }
        }
        let query: Vec<String> =
            query.iter().map(|(name, value)| format!("{name}={}", quoted(value))).collect();
        let request = client.request(self.method.clone(), &format!("{path}?{}", query.join("&")));
        send(match &body {
            Some(body) => request.json(body),
            None => request,
        })
    }
}

/// Finds every place for a number in a description.
pub(crate) fn places(document: &Value) -> Vec<Place> {
    let mut places = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let shared = &item["parameters"];
        let operations = item.as_object().unwrap().iter();
        for (method, operation) in operations.filter(|(name, _)| *name != "parameters") {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            places.extend(Described { document, shared, operation }.places(&method, path));
        }
    }
    places
}

/// An operation in its document.
#[derive(Debug, Clone, Copy)]
struct Described<'a> {
    document: &'a Value,
    /// Parameters of every operation on its path; null without any.
    shared: &'a Value,
    operation: &'a Value,
}

impl<'a> Described<'a> {
    fn places(self, method: &Method, path: &str) -> Vec<Place> {
        let documented = self.operation["responses"].as_object().unwrap().keys();
        let documented: BTreeSet<u16> =
            documented.filter_map(|status| status.parse().ok()).collect();
        let mut places = Vec::new();
        for id in self.ids() {
            for query in self.queries() {
                places.push(Place {
                    method: method.clone(),
                    path: path.to_owned(),
                    query,
                    body: self.body(),
                    id: id.clone(),
                    credential: self.credential(),
                    documented: documented.clone(),
                });
            }
        }
        places
    }

    /// Returns the parameter of the query that holds the token.
    fn credential(self) -> Option<String> {
        let schemes = self.document["components"]["securitySchemes"].as_object()?;
        let scheme = schemes.values().find(|scheme| scheme["in"] == "query")?;
        Some(plain(&scheme["name"]))
    }

    /// Returns what stands behind a reference, or the value itself.
    fn resolved(self, value: &'a Value) -> &'a Value {
        let target = value["$ref"].as_str().and_then(|path| path.strip_prefix('#'));
        target.map_or(value, |path| self.document.pointer(path).unwrap())
    }

    fn parameters(self) -> impl Iterator<Item = &'a Value> {
        let parameters = [self.shared, &self.operation["parameters"]].into_iter();
        let parameters = parameters.filter_map(Value::as_array).flatten();
        parameters.map(move |value| self.resolved(value))
    }

    /// Returns the schema of the body; null without one.
    fn schema(self) -> &'a Value {
        let body = self.resolved(&self.operation["requestBody"]);
        self.resolved(&body["content"]["application/json"]["schema"])
    }

    fn ids(self) -> Vec<Id> {
        let in_head = self.parameters().filter_map(|parameter| {
            let name = plain(&parameter["name"]);
            match parameter["in"].as_str()? {
                "path" => Some(Id::Path(name)),
                "query" if is_id(&name) => Some(Id::Query(name)),
                _ => None,
            }
        });
        let members = self.schema()["properties"].as_object().into_iter().flat_map(Map::keys);
        in_head.chain(members.filter(|name| is_id(name)).cloned().map(Id::Body)).collect()
    }

    /// Returns the queries that are in order but for the number, one for each word of a choice.
    fn queries(self) -> Vec<Vec<(String, String)>> {
        let mut queries = vec![Vec::new()];
        for parameter in self.parameters() {
            let name = plain(&parameter["name"]);
            if parameter["in"] == "query" && parameter["required"] == true && !is_id(&name) {
                let values = values(self.resolved(&parameter["schema"]));
                let with = |query: Vec<(String, String)>| {
                    let add = |value| [query.clone(), vec![(name.clone(), plain(value))]].concat();
                    values.iter().map(add).collect::<Vec<_>>()
                };
                queries = queries.into_iter().flat_map(with).collect();
            }
        }
        queries
    }

    /// Returns the body that is in order but for the number.
    fn body(self) -> Option<Map<String, Value>> {
        let members = self.schema()["properties"].as_object()?;
        let required = self.schema()["required"].as_array();
        let needed = |name: &str| required.is_some_and(|all| all.contains(&json!(name)));
        let needed = members.iter().filter(|(name, _)| needed(name) && !is_id(name));
        let value = |schema| values(self.resolved(schema)).remove(0);
        Some(needed.map(|(name, schema)| (name.clone(), value(schema))).collect())
    }
}

/// Returns whether a parameter or member is the number of an object; an external id is the client's own.
fn is_id(name: &str) -> bool {
    name == "id" || (name.ends_with("_id") && name != "external_id")
}

/// Returns values that a schema allows, and a secret that is not the one.
fn values(schema: &Value) -> Vec<Value> {
    match (schema["enum"].as_array(), schema["type"].as_str()) {
        (Some(words), _) => words.clone(),
        (_, Some("integer" | "number")) => vec![json!(1)],
        (_, Some("boolean")) => vec![json!(true)],
        _ => vec![json!("wrong")],
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
