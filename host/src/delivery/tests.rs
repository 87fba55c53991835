mod reload;
mod rules;
pub(super) mod scenarios;
mod simulation;
pub(super) mod world;
