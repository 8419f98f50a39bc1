"""Real browsers behind one small interface: what a person does, and what their page then shows."""
