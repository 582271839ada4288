mod damage;
mod golden;
mod migrations;
mod random;
mod table;
mod tracing;
