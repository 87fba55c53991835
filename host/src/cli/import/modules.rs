//! privacyIDEA's provider modules, and the providers that take their place.

/// A provider module of privacyIDEA's.
#[derive(Debug)]
pub(super) struct Module {
    /// Its class, and the last part but one of its path.
    pub(super) class: &'static str,
    /// The provider that takes its place.
    pub(super) provider: &'static str,
    /// The parameters that it reads, now or in former versions. Another key is a free option, or has no effect: also where our provider has
    /// a parameter of that name, of which that system knows nothing.
    parameters: &'static [&'static str],
    /// Parameters that are called otherwise here.
    renamed: &'static [(&'static str, &'static str)],
    /// Parameters for which an empty text is not the same as none.
    pub(super) may_be_empty: &'static [&'static str],
    /// The parameter that names a file, which may come later than the definition.
    pub(super) file: Option<&'static str>,
}

const MODULES: [Module; 6] = [
    Module {
        class: "HttpSMSProvider",
        provider: "http",
        parameters: &[
            "URL",
            "HTTP_METHOD",
            "CHECK_SSL",
            "SEND_DATA_AS_JSON",
            "RETURN_SUCCESS",
            "RETURN_FAIL",
            "USERNAME",
            "PASSWORD",
            "REGEXP",
            "PROXY",
            "HTTP_PROXY",
            "HTTPS_PROXY",
            "TIMEOUT",
        ],
        renamed: &[],
        may_be_empty: &[],
        file: None,
    },
    Module {
        class: "SmtpSMSProvider",
        provider: "smtp",
        parameters: &["MAILTO", "SMTPIDENTIFIER", "SUBJECT", "BODY", "REGEXP"],
        renamed: &[("SMTPIDENTIFIED", "SMTPIDENTIFIER")],
        may_be_empty: &["SUBJECT", "BODY"],
        file: None,
    },
    Module {
        class: "SmppSMSProvider",
        provider: "smpp",
        parameters: &[
            "SMSC_HOST",
            "SMSC_PORT",
            "SYSTEM_ID",
            "PASSWORD",
            "S_ADDR_TON",
            "S_ADDR_NPI",
            "S_ADDR",
            "D_ADDR_TON",
            "D_ADDR_NPI",
            "REGEXP",
        ],
        renamed: &[],
        may_be_empty: &[],
        file: None,
    },
    Module {
        class: "SipgateSMSProvider",
        provider: "sipgate",
        parameters: &["USERNAME", "PASSWORD", "PROXY", "REGEXP"],
        renamed: &[],
        may_be_empty: &[],
        file: None,
    },
    Module {
        class: "ScriptSMSProvider",
        provider: "script",
        parameters: &["SCRIPT", "BACKGROUND", "REGEXP"],
        renamed: &[("script", "SCRIPT"), ("background", "BACKGROUND")],
        may_be_empty: &[],
        file: Some("SCRIPT"),
    },
    Module {
        class: "FirebaseProvider",
        provider: "firebase",
        parameters: &[
            "JSON config file",
            "httpsproxy",
            "registration URL",
            "time to live",
            "projectid",
            "projectnumber",
            "appid",
            "apikey",
            "appidios",
            "apiios",
        ],
        renamed: &[("apikeyios", "apiios")],
        may_be_empty: &[],
        file: Some("JSON config file"),
    },
];

impl Module {
    /// The module of this path, such as `privacyidea.lib.smsprovider.HttpSMSProvider.HttpSMSProvider`.
    pub(super) fn of_path(path: &str) -> Option<&'static Self> {
        let (file, class) = path.strip_prefix("privacyidea.lib.smsprovider.")?.split_once('.')?;
        MODULES.iter().find(|module| module.class == class && module.class == file)
    }

    /// What the parameter `key` is called here; `None` if the module reads none of that name.
    pub(super) fn parameter(&self, key: &str) -> Option<&'static str> {
        let renamed = self.renamed.iter().find(|(theirs, _)| *theirs == key).map(|(_, ours)| *ours);
        renamed.or_else(|| self.parameters.iter().copied().find(|name| *name == key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_known_by_their_whole_path() {
        let path = |class: &str| format!("privacyidea.lib.smsprovider.{class}.{class}");
        for (class, provider) in [("HttpSMSProvider", "http"), ("FirebaseProvider", "firebase")] {
            assert_eq!(Module::of_path(&path(class)).unwrap().provider, provider);
        }
        for path in
            ["HttpSMSProvider", "mine.HttpSMSProvider", "privacyidea.lib.smsprovider.X.HttpSMSProvider", ""]
        {
            assert!(Module::of_path(path).is_none(), "{path}");
        }
    }

    #[test]
    fn parameters_are_those_that_the_module_reads() {
        let module = |class: &str| MODULES.iter().find(|module| module.class == class).unwrap();
        assert_eq!(module("ScriptSMSProvider").parameter("script"), Some("SCRIPT"));
        assert_eq!(module("SmtpSMSProvider").parameter("SMTPIDENTIFIED"), Some("SMTPIDENTIFIER"));
        // A field of the request there, whatever it means to our provider.
        assert_eq!(module("HttpSMSProvider").parameter("REDIRECTS"), None);
        assert_eq!(module("HttpSMSProvider").parameter("url"), None);
    }
}
