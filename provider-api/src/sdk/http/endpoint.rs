//! Addresses of services, as definitions name them.

use reqwest::Url;

/// The address of a service: `http` or `https`, with a host, without a user and without a fragment.
///
/// # Errors
/// What is wrong with it, one clause. Does not quote it: a password may stand in it.
pub fn endpoint(text: &str) -> Result<Url, String> {
    let url = Url::parse(text.trim()).map_err(|error| format!("is no URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("is no address of the schemes http and https".into());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("has a user in it, which is not sent".into());
    }
    if url.fragment().is_some() {
        return Err("has a fragment, which no service gets to see".into());
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_address_is_refused_unquoted() {
        assert_eq!(endpoint(" https://x:8443/a/b?c=d ").unwrap().as_str(), "https://x:8443/a/b?c=d");
        for text in [
            "",
            "x",
            "ftp://x/",
            "http://",
            "https://user:hunter2@x/",
            "https://hunter2@x/",
            "http://x/#hunter2",
        ] {
            let what = endpoint(text).unwrap_err();
            assert!(!what.contains("hunter2"), "{text}: {what}");
        }
    }
}
