"""The door for programs: publish by WHIP, play by WHEP. Knows no signalling."""
