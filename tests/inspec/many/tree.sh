mkdir -p etc
i=0
while [ $i -lt 50 ]; do
    mkdir -p "srv/$i"
    (cd "srv/$i" && seq 1 1000 | xargs touch)
    i=$((i + 1))
done
chmod 4755 srv/7/500
