//! Chooses whom TLS trusts: the authorities of the system, and those of `ca_file` in the config.
//!
//! The environment has no say, because it may come from another user or another machine: `SSL_CERT_FILE` and
//! `SSL_CERT_DIR` are ignored, and a message says so. A file that others can change is refused.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use reqwest::Certificate;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::config::endpoint::Endpoint;
use crate::secure_file::{self, CA_FILE, FileError, SYSTEM_ROOTS};

/// Where Linux distributions keep the certificates of the authorities that they trust, all in one file. The first that
/// exists is used.
///
/// Source: github.com/rustls/openssl-probe, `src/lib.rs`.
const SYSTEM_BUNDLES: [&str; 8] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/ssl/cert.pem",
    "/opt/etc/ssl/certs/ca-certificates.crt",
    "/etc/ssl/certs/cacert.pem",
];

/// The variables with which other programs choose their authorities.
const IGNORED_VARIABLES: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

/// Why it is not known whom TLS trusts.
#[derive(Debug, thiserror::Error)]
pub enum TlsRootsError {
    /// A file of certificates is missing, unreadable or unsafe.
    #[error(transparent)]
    File(#[from] FileError),
    /// The CA file holds no certificate.
    #[error("no PEM certificate in the CA file {}", path.display())]
    NoCertificate {
        /// As configured.
        path: PathBuf,
    },
    /// A certificate of the CA file cannot be read.
    #[error("a certificate in the CA file {} is damaged", path.display())]
    DamagedCertificate {
        /// As configured.
        path: PathBuf,
    },
    /// Neither the system nor the config has the certificate of an authority.
    #[error(
        "the system has no certificates of authorities. Install its package ca-certificates, or name a file of PEM \
         certificates in the config: ca_file"
    )]
    NoRoots,
}

/// Reads the certificates of all trusted authorities.
///
/// # Errors
/// If a file is unsafe, `ca_file` is missing or unusable, or neither it nor the system has a certificate.
pub(super) fn load(endpoint: &Endpoint) -> Result<Vec<Certificate>, TlsRootsError> {
    let mut roots = system_roots(&SYSTEM_BUNDLES)?;
    if let Some(path) = &endpoint.ca_file {
        roots.extend(ca_file_roots(path)?);
    }
    if roots.is_empty() { Err(TlsRootsError::NoRoots) } else { Ok(roots) }
}

fn system_roots(bundles: &[&str]) -> Result<Vec<Certificate>, TlsRootsError> {
    for path in bundles {
        match secure_file::read_bytes(&SYSTEM_ROOTS, Path::new(path)) {
            // One certificate that cannot be used is no reason to trust none of the others.
            Ok(pem) => return Ok(CertificateDer::pem_slice_iter(&pem).filter_map(|der| usable(&der.ok()?)).collect()),
            Err(error) if error.is_missing() => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Vec::new())
}

fn ca_file_roots(path: &Path) -> Result<Vec<Certificate>, TlsRootsError> {
    let pem = secure_file::read_bytes(&CA_FILE, path)?;
    let roots: Option<Vec<_>> = CertificateDer::pem_slice_iter(&pem).map(|der| usable(&der.ok()?)).collect();
    match roots {
        Some(roots) if !roots.is_empty() => Ok(roots),
        Some(_) => Err(TlsRootsError::NoCertificate { path: path.to_owned() }),
        None => Err(TlsRootsError::DamagedCertificate { path: path.to_owned() }),
    }
}

/// The certificate for the HTTP client, which would refuse all of them for one that it cannot read.
fn usable(der: &CertificateDer<'_>) -> Option<Certificate> {
    RootCertStore::empty().add(der.clone()).ok()?;
    Certificate::from_der(der).ok()
}

/// What to say if the environment names certificates, which an https connection ignores.
pub(super) fn ignored_variables(endpoint: &Endpoint, lookup: impl Fn(&str) -> Option<OsString>) -> Option<String> {
    if endpoint.url.is_plain_http() {
        return None;
    }
    let is_set = |name: &&&str| lookup(name).is_some_and(|value| !value.is_empty());
    let names: Vec<&str> = IGNORED_VARIABLES.iter().filter(is_set).copied().collect();
    let verb = match names.len() {
        0 => return None,
        1 => "is",
        _ => "are",
    };
    let names = names.join(" and ");
    Some(format!(
        "{names} {verb} ignored: pindesk trusts the authorities of the system, and those of ca_file in the config."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(url: &str) -> Endpoint {
        Endpoint { url: url.parse().expect("a URL"), version: "v24.0".parse().expect("a version"), ca_file: None }
    }

    #[test]
    fn a_system_without_certificates_trusts_nobody() {
        let roots = system_roots(&["/no/such/bundle.pem", "/no/such/other.pem"]).expect("no file is unsafe");
        assert!(roots.is_empty());
        assert!(!system_roots(&SYSTEM_BUNDLES).expect("safe files").is_empty(), "this machine has certificates");
    }

    #[test]
    fn variables_that_name_certificates_are_told_once() {
        let told = |url: &str, set: &[(&str, &str)]| {
            let lookup = |name: &str| set.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(*value));
            ignored_variables(&endpoint(url), lookup)
        };
        let rest = "ignored: pindesk trusts the authorities of the system, and those of ca_file in the config.";
        let (file, dir) = (("SSL_CERT_FILE", "/x.pem"), ("SSL_CERT_DIR", "/x"));
        let https = "https://graph.facebook.com";
        assert_eq!(told(https, &[file]), Some(format!("SSL_CERT_FILE is {rest}")));
        assert_eq!(told(https, &[dir, file]), Some(format!("SSL_CERT_FILE and SSL_CERT_DIR are {rest}")));
        assert_eq!(told(https, &[("SSL_CERT_FILE", "")]), None);
        assert_eq!(told("http://127.0.0.1:1", &[file, dir]), None);
    }
}
