mod reload;
mod rules;
mod simulation;
pub(super) mod world;
