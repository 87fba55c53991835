//! Proxies, as definitions name them.

use crate::Problem;
use reqwest::{Proxy, Url};

/// The proxy that the parameter `name` asks for with `text`; `make` is one of `Proxy::all`, `Proxy::http` and `Proxy::https`.
///
/// # Errors
/// It is no address of a proxy. Does not quote it: a password may stand in it.
pub fn proxy(name: &str, text: &str, make: fn(Url) -> reqwest::Result<Proxy>) -> Result<Proxy, Problem> {
    url(text).and_then(|url| make(url).map_err(|_| "is no proxy".to_owned())).map_err(|what| {
        let mend = "write one such as \"http://proxy.example:3128\" or \"socks5://user:password@proxy.example:1080\"";
        Problem::parameter(name, what, mend)
    })
}

fn url(text: &str) -> Result<Url, String> {
    // A bare host and port means HTTP, as privacyIDEA takes it.
    let text =
        if text.contains("://") || text.contains('@') { text.to_owned() } else { format!("http://{text}") };
    let url = Url::parse(&text).map_err(|error| format!("is no URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https" | "socks5" | "socks5h") {
        return Err("is of a scheme that is none of http, https, socks5 and socks5h".into());
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err("has no host".into());
    }
    Ok(url)
}
