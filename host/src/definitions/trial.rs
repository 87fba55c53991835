//! What a provider says of a definition.

use crate::{
    config::{self, ConfigProblem},
    plugin::{Instance, Library, Registry},
};
use gatepost_provider_api::Problem;
use std::sync::Arc;

/// Something that there is to say of a definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The JSON pointer of the value in the definition; empty where it is about the whole, or about what stands elsewhere.
    pub pointer: String,
    /// With its place in the files.
    pub problem: ConfigProblem,
}

/// What a provider says of a definition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trial {
    /// What is wrong.
    pub problems: Vec<Finding>,
    /// What is not wrong, but worth a look.
    pub warnings: Vec<Finding>,
}

/// Has the provider of a definition build a gateway of it that is not started, and look at it. Contacts nobody. Blocks, at most 10 s.
pub fn trial(gateway: &config::Gateway, registry: &Registry) -> Trial {
    let library = match registry.provider(&gateway.provider) {
        Ok(library) => library,
        Err(refusal) => {
            let problem = gateway.provider_problem(refusal.what, refusal.mend);
            return Trial { problems: vec![finding(gateway, problem)], warnings: Vec::new() };
        }
    };
    let secrets = gateway.secrets(Some(&library.declaration));
    let (problems, warnings) = if gateway.is_whole() {
        match Instance::create(library, &gateway.definition, &secrets, None) {
            Ok((_, warnings)) => (Vec::new(), warnings),
            Err(problems) => (problems, Vec::new()),
        }
    } else {
        (of_the_rest(gateway, library, &secrets), Vec::new())
    };
    let of = |found: Vec<Problem>| {
        found.iter().map(|problem| finding(gateway, gateway.problem(problem))).collect()
    };
    Trial { problems: of(problems), warnings: of(warnings) }
}

/// What is wrong with a definition of which a part could not be read, apart from that part. Blocks, at most 10 s.
pub fn of_the_rest(gateway: &config::Gateway, library: &Arc<Library>, secrets: &[String]) -> Vec<Problem> {
    let mut found = Instance::check(library, &gateway.definition, secrets).err().unwrap_or_default();
    found.retain(|problem| !gateway.is_known(problem, &library.declaration));
    found
}

/// A problem with its place in the definition, if that is where it stands.
pub(super) fn finding(gateway: &config::Gateway, problem: ConfigProblem) -> Finding {
    let pointer = gateway.written.pointer_of(&gateway.name, &problem.key).unwrap_or_default();
    Finding { pointer, problem }
}
