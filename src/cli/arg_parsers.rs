//! Values of arguments, and what is said of one that cannot be used: what could be, and never the value itself.

use std::fmt::Display;
use std::net::SocketAddr;
use std::num::{IntErrorKind, ParseIntError};
use std::str::FromStr;

use crate::config::profile::MAX_CONCURRENCY;

/// A whole number of at least so much.
pub(crate) fn integer_at_least<T>(least: T) -> impl Fn(&str) -> Result<T, String> + Clone
where
    T: FromStr<Err = ParseIntError> + PartialOrd + Display + Copy,
{
    move |text| match text.parse() {
        Ok(number) if number >= least => Ok(number),
        Err(error) if *error.kind() == IntErrorKind::PosOverflow => Err("this number is too large".to_owned()),
        Ok(_) | Err(_) => Err(format!("this must be a whole number, {least} or more")),
    }
}

/// Requests on their way at once.
pub(crate) fn parse_concurrency(text: &str) -> Result<usize, String> {
    let wanted = text.parse().ok().filter(|wanted| (1..=MAX_CONCURRENCY).contains(wanted));
    wanted.ok_or_else(|| format!("this must be a number from 1 to {MAX_CONCURRENCY}"))
}

/// Where to listen.
pub(crate) fn parse_address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse().map_err(|_| "write an address and a port, such as 127.0.0.1:8080")
}
