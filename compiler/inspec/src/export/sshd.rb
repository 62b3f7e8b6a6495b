# The keyword and the arguments of a line.
forge_sshd_words = lambda do |line|
  rest = line.strip
  quoted = rest[/\A"([^"]*)"/, 1]
  keyword = rest.match?(/\A#/) ? '' : (quoted || rest[/\A[^\s=]*/].to_s)
  rest = rest[(quoted.nil? ? keyword.length : keyword.length + 2)..-1].to_s.lstrip.sub(/\A=/, '').lstrip
  words = []
  if keyword.empty?
    rest = ''
  end
  while !rest.empty? && !rest.start_with?('#')
    if rest.start_with?('"')
      words << rest[/\A"([^"]*)/, 1]
      rest = rest.sub(/\A"[^"]*"?/, '').lstrip
    else
      words << rest[/\A\S+/]
      rest = rest.sub(/\A\S+/, '').lstrip
    end
  end
  [keyword.downcase, words]
end

# What sshd is told for everybody: the lines of a file and of those that it includes, where they stand,
# without what stands below a `Match` that does not fit every connection. The last part of a line says
# whether one that does stands before it: such a line counts more.
forge_sshd_lines = nil
forge_sshd_lines = lambda do |path, depth, outer|
  lines = []
  for_all = true
  over = outer
  file(path).content.to_s.lines.each do |text|
    keyword, words = forge_sshd_words.call(text)
    if keyword == 'match'
      values = words.each_slice(2).map { |pair| pair[1] }
      for_all = words.length == 1 ? words[0].downcase == 'all' : !words.empty? && values.all? { |value| value == '*' }
      over = for_all
    elsif for_all && keyword == 'include' && depth < 16
      words.each do |word|
        pattern = word.start_with?('/') ? word : "/etc/ssh/#{word}"
        names = [pattern]
        if pattern.match?(/[*?\[]/)
          names = command("ls #{pattern}").stdout.lines.map { |name| name.strip }.sort
        end
        names.each { |name| lines += forge_sshd_lines.call(name, depth + 1, over) }
      end
    elsif for_all && !keyword.empty?
      lines << [keyword, words.join(' '), over]
    end
  end
  lines
end

# The values that count: the first, or all of a keyword that may stand several times. Words of sshd's own
# are in small letters, paths and names as they are written.
forge_sshd = lambda do |path, keyword|
  several = %w[acceptenv allowgroups allowusers denygroups denyusers hostcertificate hostkey listenaddress
               port setenv subsystem permitlisten]
  today = {
    'challengeresponseauthentication' => 'kbdinteractiveauthentication',
    'skeyauthentication' => 'kbdinteractiveauthentication',
    'dsaauthentication' => 'pubkeyauthentication',
    'hostbasedacceptedkeytypes' => 'hostbasedacceptedalgorithms',
    'hostdsakey' => 'hostkey',
    'keepalive' => 'tcpkeepalive',
    'pubkeyacceptedkeytypes' => 'pubkeyacceptedalgorithms'
  }
  own = %w[any clientspecified delayed forced-commands-only local no none prohibit-password remote yes]
  wanted = today[keyword] || keyword
  lines = forge_sshd_lines.call(path, 0, false).select { |line| (today[line[0]] || line[0]) == wanted }
  if !several.include?(wanted)
    over = lines.select { |line| line[2] }
    lines = (over.empty? ? lines : over).first(1)
  end
  lines.map do |line|
    low = line[1].downcase.sub(/\Awithout-password\z/, 'prohibit-password')
    own.include?(low) || %w[loglevel syslogfacility].include?(wanted) ? low : line[1]
  end
end
