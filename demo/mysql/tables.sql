-- Bookings 1 to 100,000, each with a note that its number tells, and a table that nobody changes.
CREATE DATABASE shop;
USE shop;
CREATE TABLE bookings (number BIGINT PRIMARY KEY, note CHAR(96) NOT NULL);
CREATE TABLE prices (article INT PRIMARY KEY, cents INT NOT NULL);
INSERT INTO bookings SELECT seq, REPEAT(MD5(seq), 3) FROM seq_1_to_100000;
INSERT INTO prices SELECT seq, 100 + seq * 7919 % 9900 FROM seq_1_to_20000;
