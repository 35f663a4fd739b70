def write_tables(*a): print("tables to come")
