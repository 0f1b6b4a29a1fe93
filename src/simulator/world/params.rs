//! Parses the parameters of a request, which Graph accepts in the query and as JSON, form or multipart bodies.
//!
//! It does not validate values, except that it tells JSON strings from other JSON types.

use super::response::GraphError;

/// The body of a request, by its content type. Not `Debug`, because it contains a PIN.
#[derive(Clone, Default)]
pub enum RequestBody {
    /// No body.
    #[default]
    Empty,
    /// The bytes of an `application/json` body.
    Json(Vec<u8>),
    /// The bytes of an `application/x-www-form-urlencoded` body.
    Form(Vec<u8>),
    /// The text parts of a `multipart/form-data` body.
    Multipart(Vec<(String, String)>),
}

enum Param {
    Text(String),
    /// A JSON value that is not a string.
    NotText,
}

/// All parameters. Those of the body come first, because the first of two equal names applies.
pub(super) struct Params(Vec<(String, Param)>);

impl Params {
    pub(super) fn parse(body: &RequestBody, query: &str) -> Result<Self, GraphError> {
        let mut params = match body {
            RequestBody::Empty => Vec::new(),
            RequestBody::Json(bytes) if bytes.iter().all(u8::is_ascii_whitespace) => Vec::new(),
            RequestBody::Json(bytes) => parse_json(bytes)?,
            RequestBody::Form(bytes) => parse_form(bytes),
            RequestBody::Multipart(parts) => {
                parts.iter().map(|(name, value)| (name.clone(), Param::Text(value.clone()))).collect()
            }
        };
        params.extend(parse_form(query.as_bytes()));
        Ok(Self(params))
    }

    /// The text with this name; `None` if it is missing or is a JSON value of another type.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).and_then(|(_, param)| match param {
            Param::Text(text) => Some(text.as_str()),
            Param::NotText => None,
        })
    }
}

fn parse_json(bytes: &[u8]) -> Result<Vec<(String, Param)>, GraphError> {
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(bytes)
        .map_err(|_| GraphError::new(400, 100, "(#100) The request body is not a JSON object."))?;
    let param = |value| if let serde_json::Value::String(text) = value { Param::Text(text) } else { Param::NotText };
    Ok(object.into_iter().map(|(name, value)| (name, param(value))).collect())
}

fn parse_form(bytes: &[u8]) -> Vec<(String, Param)> {
    url::form_urlencoded::parse(bytes)
        .map(|(name, value)| (name.into_owned(), Param::Text(value.into_owned())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_encoding_gives_the_same_parameters() {
        let parts = vec![("pin".to_owned(), "012345".to_owned())];
        let cases = [
            (RequestBody::Json(br#" {"pin" : "012345"} "#.to_vec()), ""),
            (RequestBody::Form(b"pin=012345".to_vec()), ""),
            (RequestBody::Multipart(parts), ""),
            (RequestBody::Empty, "pin=012345"),
            (RequestBody::Form(b"pin=012345".to_vec()), "pin=999999"),
        ];
        for (index, (body, query)) in cases.into_iter().enumerate() {
            let params = Params::parse(&body, query).expect("valid parameters");
            assert_eq!(params.text("pin"), Some("012345"), "case {index}");
        }
    }

    #[test]
    fn a_json_number_does_not_fall_back_to_the_query() {
        let params =
            Params::parse(&RequestBody::Json(br#"{"pin":123456}"#.to_vec()), "pin=123456").expect("valid JSON");
        assert_eq!(params.text("pin"), None);
    }

    #[test]
    fn a_body_that_is_not_an_object_is_refused() {
        for text in ["[]", "{", "\"pin\"", "{} {}"] {
            let error = Params::parse(&RequestBody::Json(text.as_bytes().to_vec()), "").err();
            assert_eq!(error.map(|error| (error.status, error.code)), Some((400, 100)), "{text}");
        }
    }
}
