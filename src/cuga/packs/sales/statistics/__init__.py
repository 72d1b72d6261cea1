"""What numbers can say: intervals, tests, small models and their measures. Plain Python, no chance, no clock."""
