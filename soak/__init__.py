"""Random lives of small repositories, for as long as wanted: writers, prunes, forgets, kills, stops, faults; is anything lost?"""
