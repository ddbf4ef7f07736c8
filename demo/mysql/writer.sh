# Makes the bookings 1, 2, 3, … and prints the number of each after the database has acknowledged it: the next line of the client
# is not printed before the statement before it was committed.
set -e
client="mariadb --host=database.shop --batch --skip-column-names --unbuffered"
last=$($client --execute 'SELECT COALESCE(MAX(number), 0) FROM shop.bookings')
seq $((last + 1)) 1000000000 |
    sed 's/.*/INSERT INTO shop.bookings VALUES (&, REPEAT(MD5(&), 3)); SELECT "acknowledged", &, NOW(6); DO SLEEP(0.003);/' |
    $client
