#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| progress_bridge::fuzz::check_state(data));
