"""What objects have to do with each other: who names whom, who belongs to whom, who selects whose pods. Tables, without I/O."""
