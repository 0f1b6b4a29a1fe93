//! Computes the pages of a list: the positions on a page, its cursors, and the links to the next and previous pages.
//!
//! It does not access the items of the list; the world writes them.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::SimulatedRequest;
use super::params::Params;
use super::response::{GraphError, write_json_string};

/// The limits of a page. Source: Meta's `OpenAPI` description of the list.
const DEFAULT_LIMIT: usize = 25;
const MAX_LIMIT: usize = 100;

/// One page of a list of `total` items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PageRange {
    start: usize,
    end: usize,
    total: usize,
}

impl PageRange {
    pub(super) fn from_params(params: &Params, total: usize) -> Result<Self, GraphError> {
        let bad = |name: &str| GraphError::new(400, 100, format!("(#100) Param {name} is not valid."));
        let limit = match params.text("limit") {
            None => DEFAULT_LIMIT,
            Some(text) => {
                text.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit)).ok_or_else(|| bad("limit"))?
            }
        };
        let cursor = |name: &str| params.text(name).filter(|text| !text.is_empty());
        let start = if let Some(text) = cursor("after") {
            decode_cursor(text).ok_or_else(|| bad("after"))?.min(total)
        } else if let Some(text) = cursor("before") {
            let end = decode_cursor(text).ok_or_else(|| bad("before"))?.min(total);
            return Ok(Self { start: end.saturating_sub(limit), end, total });
        } else {
            0
        };
        Ok(Self { start, end: (start + limit).min(total), total })
    }

    /// The same page without items; the next page has them. Graph returns such pages if it filters items after paging.
    pub(super) fn into_empty(self) -> Self {
        Self { end: self.start, ..self }
    }

    /// The positions on this page.
    pub(super) const fn range(&self) -> Range<usize> {
        self.start..self.end
    }

    /// Writes `,"paging":{…}`. As in Graph, the links contain every parameter of the request, including the access
    /// token, so that tests detect a client that logs them.
    pub(super) fn write_paging(&self, out: &mut Vec<u8>, request: &SimulatedRequest) {
        if self.total == 0 {
            return;
        }
        let (before, after) = (encode_cursor(self.start), encode_cursor(self.end));
        out.extend_from_slice(format!(r#","paging":{{"cursors":{{"before":"{before}","after":"{after}"}}"#).as_bytes());
        if self.end < self.total {
            out.extend_from_slice(br#","next":"#);
            write_json_string(out, &page_link(request, "after", &after));
        }
        if self.start > 0 {
            out.extend_from_slice(br#","previous":"#);
            write_json_string(out, &page_link(request, "before", &before));
        }
        out.push(b'}');
    }
}

fn page_link(request: &SimulatedRequest, direction: &str, cursor: &str) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    if let Some(token) = request.authorization.as_deref().and_then(super::access::bearer_token) {
        query.append_pair("access_token", token);
    }
    let other_params =
        url::form_urlencoded::parse(request.query.as_bytes()).filter(|(name, _)| name != "after" && name != "before");
    query.extend_pairs(other_params).append_pair(direction, cursor);
    format!("{}{}?{}", request.origin, request.path, query.finish())
}

fn encode_cursor(position: usize) -> String {
    URL_SAFE_NO_PAD.encode(format!("QVFI:{position}"))
}

fn decode_cursor(cursor: &str) -> Option<usize> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    std::str::from_utf8(&bytes).ok()?.strip_prefix("QVFI:")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::super::params::RequestBody;
    use super::*;

    fn page(query: &str, total: usize) -> Result<PageRange, GraphError> {
        PageRange::from_params(&Params::parse(&RequestBody::Empty, query)?, total)
    }

    #[test]
    fn a_page_has_25_items_by_default() {
        assert_eq!(page("", 60), Ok(PageRange { start: 0, end: 25, total: 60 }));
        assert_eq!(page("limit=100", 60), Ok(PageRange { start: 0, end: 60, total: 60 }));
        let after = encode_cursor(50);
        assert_eq!(page(&format!("after={after}"), 60), Ok(PageRange { start: 50, end: 60, total: 60 }));
        assert_eq!(page(&format!("before={after}"), 60), Ok(PageRange { start: 25, end: 50, total: 60 }));
    }

    #[test]
    fn an_invalid_limit_or_cursor_is_refused() {
        for query in ["limit=0", "limit=101", "limit=x", "after=zzz", "before=!"] {
            assert_eq!(page(query, 60).expect_err(query).code, 100);
        }
    }

    #[test]
    fn the_last_page_has_cursors_but_no_next_link() {
        let mut out = Vec::new();
        PageRange { start: 0, end: 2, total: 2 }.write_paging(&mut out, &SimulatedRequest::default());
        assert_eq!(String::from_utf8_lossy(&out), r#","paging":{"cursors":{"before":"UVZGSTow","after":"UVZGSToy"}}"#);
    }

    #[test]
    fn the_next_link_is_a_full_url_with_the_token() {
        let request = SimulatedRequest {
            path: "/v24.0/1/phone_numbers".to_owned(),
            query: "limit=2&after=old".to_owned(),
            authorization: Some("Bearer SIMULATOR".to_owned()),
            origin: "http://127.0.0.1:1".to_owned(),
            ..SimulatedRequest::default()
        };
        assert_eq!(
            page_link(&request, "after", "new"),
            "http://127.0.0.1:1/v24.0/1/phone_numbers?access_token=SIMULATOR&limit=2&after=new"
        );
    }
}
