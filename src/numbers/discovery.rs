//! Finds the WABAs that an access token sees, for a profile that names none.
//!
//! It decides nothing about who may be asked: the token stands in the URL of the first call.

use std::sync::Arc;

use futures_util::{StreamExt, stream};

use super::{MAX_CONCURRENT_READS, read_paced};
use crate::domain::number::{BusinessId, Waba, WabaId};
use crate::domain::outcome::{ListDefect, ReadFailure};
use crate::domain::token_info::{GrantedWabas, TokenInfo};
use crate::graph::{Graph, WabaSource};
use crate::pace::Pace;
use crate::policy::quota::CallTarget;

/// For how many WABAs that only their IDs tell the names are read. Each name is a call.
const MAX_NAMED_WABAS: usize = 50;

/// A business with more pages of WABAs than this does not exist: a page has 100.
const MAX_PAGES: usize = 100;

/// What an access token is, and what it sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenSight {
    /// The access token.
    pub token: TokenInfo,
    /// The WABAs in Meta's order, with their names at Meta. No ID occurs twice.
    pub wabas: Vec<Arc<Waba>>,
}

/// Asks Meta what the access token of this client is.
///
/// # Errors
/// Why it could not be read.
pub async fn read_token_info(graph: &Graph, pace: &Pace) -> Result<TokenInfo, ReadFailure> {
    read_paced(pace, CallTarget::default(), || graph.read_token_info()).await
}

/// Asks Meta which WABAs the access token sees: those that its permissions name; or, if they hold for all, those of its
/// user and of `business`.
///
/// # Errors
/// The first read that failed. A name that cannot be read is left out.
pub async fn read_token_sight(
    graph: &Graph,
    pace: &Pace,
    business: Option<BusinessId>,
) -> Result<TokenSight, ReadFailure> {
    let token = read_token_info(graph, pace).await?;
    let wabas = match &token.wabas {
        _ if !token.is_valid => Vec::new(),
        GrantedWabas::Listed(ids) => read_names(graph, pace, ids).await,
        GrantedWabas::All => {
            let of_business = business.map(|id| [WabaSource::OwnedBy(id), WabaSource::ClientsOf(id)]);
            let of_user = token.user.map(WabaSource::AssignedTo);
            let mut wabas = Vec::new();
            for source in of_business.into_iter().flatten().chain(of_user) {
                read_list(graph, pace, source, &mut wabas).await?;
            }
            wabas
        }
    };
    Ok(TokenSight { token, wabas: wabas.into_iter().map(Arc::new).collect() })
}

async fn read_names(graph: &Graph, pace: &Pace, ids: &[WabaId]) -> Vec<Waba> {
    let named = ids.iter().enumerate().map(|(index, id)| async move {
        let unnamed = Waba { id: *id, name: None };
        if index >= MAX_NAMED_WABAS {
            return unnamed;
        }
        let target = CallTarget { waba: Some(*id), number: None };
        read_paced(pace, target, || graph.read_waba(*id)).await.unwrap_or(unnamed)
    });
    stream::iter(named).buffered(MAX_CONCURRENT_READS).collect().await
}

/// Adds the WABAs of a list that are not among `wabas`.
async fn read_list(graph: &Graph, pace: &Pace, source: WabaSource, wabas: &mut Vec<Waba>) -> Result<(), ReadFailure> {
    let mut after = None;
    for _ in 0..MAX_PAGES {
        let read = read_paced(pace, CallTarget::default(), || graph.read_wabas_page(source, after.as_ref())).await?;
        for waba in read.wabas {
            if !wabas.iter().any(|known| known.id == waba.id) {
                wabas.push(waba);
            }
        }
        match read.next {
            Some(next) => after = Some(next),
            None => return Ok(()),
        }
    }
    Err(ReadFailure::IncompleteList(ListDefect::Endless))
}
