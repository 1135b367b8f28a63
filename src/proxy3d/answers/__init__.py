"""Ask the language model and turn what it says into text, objects and boxes."""
