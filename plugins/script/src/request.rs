//! From a message to a process: argument, stdin, environment.

use crate::config::Config;
use gatepost_provider_api::{Message, SubmitError, tokio::process::Command};
use std::{env, ffi::OsString, path::PathBuf, process::Stdio};

/// Where programs are looked for if the host itself does not know.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A script about to be run. No `Debug`: it holds number and text.
pub(crate) struct Request {
    program: PathBuf,
    directory: PathBuf,
    phone: String,
    message_id: String,
    gateway: String,
    pub(crate) text: String,
}

impl Request {
    pub(crate) fn new(config: &Config, gateway: &str, message: Message) -> Result<Self, SubmitError> {
        let phone = match &config.regexp {
            Some(regexp) => regexp.apply(&message.to)?,
            None => message.to,
        };
        if phone.starts_with('-') {
            return Err(SubmitError::rejected(
                "the phone number begins with `-`, which a script takes for an option",
            ));
        }
        if phone.is_empty() {
            return Err(SubmitError::rejected("the phone number is empty"));
        }
        if phone.contains('\0') {
            return Err(SubmitError::rejected("the phone number contains a NUL character"));
        }
        Ok(Self {
            program: config.script.path.clone(),
            directory: config.script.directory.clone(),
            phone,
            message_id: message.id,
            gateway: gateway.to_owned(),
            text: message.text,
        })
    }

    pub(crate) fn message_id(&self) -> &str {
        &self.message_id
    }

    /// The command: no shell, a clean environment, a process group of its own.
    pub(crate) fn command(&self) -> Command {
        let inherited =
            |name: &str, default: &str| env::var_os(name).unwrap_or_else(|| OsString::from(default));
        let mut command = Command::new(&self.program);
        command
            .arg(&self.phone)
            .current_dir(&self.directory)
            .env_clear()
            .env("PATH", inherited("PATH", DEFAULT_PATH))
            .env("LANG", inherited("LANG", "C.UTF-8"))
            .env("GATEPOST_MESSAGE_ID", &self.message_id)
            .env("GATEPOST_GATEWAY", &self.gateway)
            .process_group(0)
            .stdin(Stdio::piped());
        command
    }
}
