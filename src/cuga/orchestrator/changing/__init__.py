"""What people change about a house while runs go on: rules, records, servers, people, mail, notices, memory."""
