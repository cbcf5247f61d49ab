//! Framing of live video between edge, gateway and player.
