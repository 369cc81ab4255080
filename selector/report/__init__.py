"""One document model, several renderers: what is said is decided once, how it looks by the output."""
