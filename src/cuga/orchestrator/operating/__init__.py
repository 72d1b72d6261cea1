"""What those see who operate a house: its health, the machine below it, figures, spans and log lines."""
