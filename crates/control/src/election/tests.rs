mod script;
mod simulation;
