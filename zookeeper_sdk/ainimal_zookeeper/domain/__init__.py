"""The zoo's rules, without any machinery: standard library only, no input or output."""
